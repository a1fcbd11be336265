"""From the logarithm to integer powers, the average over the couplings, and order parameters at a saddle point."""

import sympy
from sympy import S

from ...checks import Assumption
from ...derivation import Step
from ...replica.claims import AsLarge, AsSmall, Fallback, Several
from ...replica.finite_n import MatrixSum, MatrixTrace, Written
from ...replica.microscopic import AveragedWeight, Characteristic, Configuration, QuadraticForm, QuenchedLogarithm
from ...symbols import symbol
from ..common import row
from .expressions import Expressions, tex
from .references import EDWARDS, SK, MPV, AGS, GARDNER, SMALL, LARGE


class Averaging(Expressions):
    """The steps up to the replicated integral."""

    def trick(self):
        """log Z from integer powers."""
        known = {}
        return Step(
            title="Replicas", rule="the logarithm from integer powers",
            justification=("The free energy is self-averaging: per site it does not depend on the sample as $N\\to\\infty$, and its value is "
                           "$f = -\\lim_N \\frac{T}{N}\\,\\mathbb{E}\\log Z$. The average of a logarithm follows from averages of powers: "
                           "with $\\log Z = \\lim_{n\\to 0}(Z^n - 1)/n$, $\\mathbb{E}\\log Z = \\lim_{n\\to 0}\\frac1n\\log\\mathbb{E}\\,Z^n$, an identity at every $N$. For integer $n$, "
                           "$Z^n$ is the partition function of $n$ copies with the same disorder."),
            reference=f"{EDWARDS}; {MPV}",
            before=QuenchedLogarithm("replicated log Z", (self.theory, self.n, known), self.n),
            after=QuenchedLogarithm("quenched log Z", (self.theory, None, known)),
            relation=SMALL,
            claim=Fallback(AsSmall(self.n), "the moments of the partition function are analytic in n near 0"),
        )

    def average(self):
        """The replicated weight after the average over the couplings."""
        configuration = Configuration(self.theory)
        before, after, parts = [], [], []
        for c in self.model.couplings:
            of = self.theory._of(c)
            if c.kind == "channel":
                t = (symbol("t1"), symbol("t2"))
                before.append(Characteristic("characteristic", (of[0], configuration, t)))
                after.append(QuadraticForm("quadratic", (of[0], configuration, t)))
            else:
                before.append(AveragedWeight(f"averaged {len(before)}", (c, of, configuration, self.heat)))
                kind, function = (MatrixSum, self.entry(c)) if c.kind == "elementwise" else (MatrixTrace, self.spectral(c))
                after.append(kind(f"overlaps {len(after)}", (function, configuration.overlaps(of))))
            heat = 12.0 if self.theory.free_responses else 3.0
            parts.append((Fallback(AsLarge(heat=heat), "the couplings' covariance is a function of the overlaps"), 1))
        return Step(
            title="The average over the couplings", rule=self._average_rule(), justification=" ".join(map(self._average_text, self.model.couplings)),
            reference="; ".join(dict.fromkeys(self._average_reference(c) for c in self.model.couplings)),
            before=row(*before), after=row(*after), relation=LARGE if any(c.kind != "elementwise" for c in self.model.couplings) else "=",
            claim=Several(tuple(parts)),
        )

    def _average_rule(self):
        rules = {"elementwise": "Gaussian average of an exponential (Wick's theorem)",
                 "spectral": "Gaussian integral over the pattern overlaps (Hubbard-Stratonovich)",
                 "channel": "central limit theorem for the stabilities"}
        return "; ".join(dict.fromkeys(rules[c.kind] for c in self.model.couplings))

    def _average_text(self, c):
        names = ", ".join(f"${sympy.latex(o.symbol).upper()}_{{ab}} = \\frac{{1}}{{N}}\\sum_i {sympy.latex(o.variable)}_i^a "
                          f"{sympy.latex(o.variable)}_i^b$" for o in self.theory._of(c))
        if c.kind == "elementwise":
            why = ("The energy is Gaussian with $\\mathbb{E}[H(s)H(s')] = N c$" if type(c).__name__ == "GaussianCouplings" else
                   "The crosstalk is a sum over many patterns, Gaussian by the central limit theorem with $\\mathbb{E}[HH'] = N c$")
            return (f"{why}, a function of the overlaps {names}. With $\\mathbb{{E}}\\,e^{{-\\beta\\sum_a H_a}} = "
                    "\\exp\\frac{\\beta^2}{2}\\sum_{ab}\\mathbb{E}[H_aH_b]$ replicas interact through these alone.")
        if c.kind == "spectral":
            return ("For a pattern that is not condensed the overlaps $\\frac{1}{\\sqrt N}\\sum_i\\xi_i s_i^a$ are, by the central limit theorem, "
                    f"Gaussian with covariance {names}; the Gaussian integral of the exponential of their squares is a determinant, and "
                    "$\\log\\det = \\operatorname{tr}\\log$. Whatever the law of the entries, only their variance matters.")
        return (f"The stabilities $u_a = \\frac{{1}}{{\\sqrt N}}\\sum_i w_i^a\\xi_i$ of one pattern are jointly Gaussian with covariance {names}, "
                "exactly for Gaussian patterns and by the central limit theorem for others, as their characteristic function shows. Each of the "
                f"$N {sympy.latex(c.load)}$ patterns then contributes $\\log\\mathbb{{E}}_{{u\\sim\\mathcal N(0,Q)}}\\prod_a\\Phi(u_a)$"
                + (", with the teacher's stability as one more Gaussian variable, conditioned on its sign." if c.teacher else "."))

    @staticmethod
    def _average_reference(c):
        return {"elementwise": SK, "spectral": AGS, "channel": GARDNER}[c.kind]

    def order_parameters(self):
        """Delta functions for overlaps and means; the saddle point at large N before n -> 0."""
        return Step(
            title="Order parameters and saddle point", rule="Fourier representation of delta functions; steepest descent",
            justification=("Fix the overlaps" + (" and the means" if self.theory.order_parameters else "") + " of every replica by delta "
                           "functions with conjugate fields" + self._fields_text() + ". The trace over configurations then factorises over the "
                           "sites into the replicated trace of one site, and the exponent is $N$ times a function of the order parameters: "
                           "energies of the couplings, the Lagrange term $-\\frac{1}{2}\\beta^2\\sum_{ab}V_{ab}Q_{ab}$, the signal energy "
                           "$-\\beta\\sum_a e(\\phi^a)$ and $\\log$ of the one-site trace."
                           " The integral is taken by its saddle point, $N\\to\\infty$ before $n\\to 0$.").replace(
                               r"\beta^2\sum" if self.heat == 1 else "", r"\sum" if self.heat == 1 else ""),
            reference=MPV,
            after=Written("replicated integral", self._integral_text()),
            claim=Assumption("the limits $N\\to\\infty$ and $n\\to 0$ are exchanged, and the saddle point is continued to $n\\to 0$; "
                             "rigorous for the Sherrington-Kirkpatrick class (Talagrand), not in general"),
        )

    def _integral_text(self):
        """E Z^n as the exponential of N times the replicated functional."""
        beta = r"\beta" if self.heat != 1 else ""
        terms = []
        for c in self.model.couplings:
            names = [sympy.latex(o.symbol).upper() for o in self.theory._of(c)]
            entries, matrices = ",".join(name + "_{ab}" for name in names), ",".join(r"\beta " + name for name in names)
            terms.append({"elementwise": rf"\frac{{\beta^2}}{{2}}\sum_{{a,b}} c({entries})", "spectral": rf"\operatorname{{tr}} G({matrices})",
                          "channel": rf"{tex(getattr(c, 'load', S.One))}\,\log\mathbb{{E}}_u\prod_a\Phi(u_a)"}[c.kind])
        work = rf" - {beta}\sum_a\left[e(\phi^a) + h\cdot\phi^a\right]" if self.theory.order_parameters else ""
        for o in self.theory.overlaps:
            name, w = sympy.latex(o.symbol).upper(), self.theory.layers[o.layer].weight
            front = "" if w == 1 else f"{tex(w)} "
            square = beta + "^2" if beta else "1"
            sub = "" if len(self.theory.overlaps) == 1 else f"^{{{name}}}"
            work += rf" - \frac{{{front}{square}}}{{2}}\sum_{{a,b}} V{sub}_{{ab}} {name}_{{ab}}"
        traces = " + ".join((("" if layer.weight == 1 else tex(layer.weight) + " ")
                             + rf"\log\operatorname{{Tr}}_{{{tex(layer.along)}^1\cdots {tex(layer.along)}^n}}e^{{(\cdot)}}") for layer in self.theory.layers)
        return rf"\mathbb{{E}}\,Z^n \simeq \operatorname*{{extr}}\,\exp N\Bigl\{{{' + '.join(terms)}{work} + {traces}\Bigr\}}"

    def _fields_text(self):
        shown = "$V_{ab}$ (covariances of Gaussian fields, in units of energy)"
        return f" {shown}" + (" and $h_a$" if self.theory.order_parameters else "")
