def derivation(model): raise NotImplementedError
