"""The Curie-Weiss ferromagnet from its Hamiltonian to its magnetisation: derive, solve, find the transition, simulate."""

import meanfield
from theory import Ising, Model, OrderParameter, derive, symbols
from validate import compare

m = OrderParameter("m")
s, J, h = symbols("s J h")
magnet = Model(
    name="my ferromagnet",
    site=Ising(s),
    order_parameters={m: s},
    energy=-J * m**2 / 2 - h * m,
    parameters={J: 1.0, h: 0.0},
)

print(derive(magnet, route="entropy").check().to_text())
print(meanfield.solve(magnet, T=0.8))
print(meanfield.transitions(magnet, along={"T": (0.2, 2.0)}))
print(compare(magnet, T=0.8, sizes=(250, 500, 1000)))
