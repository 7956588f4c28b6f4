"""What a run tells the outside: one `Event` per step, to any number of observers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Event:
    """One moment of a run, with all that a progress bar, a page or a checkpoint needs.

    kind            "start", "step" or "end"; "wait", before a run that has to wait for something; "rows", between
                    the steps of a run that streams; "note", of something that went wrong without ending the run
    stage           which of the run's stages, e.g. "1/16 of the rows" or "all rows"; what a run waits for
    step            steps done in this stage (an epoch, for the stochastic methods)
    passes          passes over the full rows so far, all stages together (a sample counts its share)
    seconds         since the run began
    objective       P at theta, or None where it was not computed
    gradient_norm   ‖∇P‖₂, or None
    gap             upper bound on P - P*, or None where there is no bound
    rate            learning rate of the step, or None
    holdout_loss    mean log-loss on the held-out rows, or None
    tol             relative gap at which the run ends
    limit           the most steps this stage may take
    theta           (p [+1 with an intercept], k) the point itself; not a copy
    state           the optimizer's whole state, enough to go on from
    outcome         at "end": how the run ended, in a sentence
    rows            read so far in this pass, where rows are streamed
    share           of the pass that is done, 0 to 1, or None where nobody knows
    auc, baseline   of rows predicted before they were learnt from: area under the ROC curve, and the log-loss of the
                    best constant
    """

    kind: str
    stage: str
    step: int
    passes: float
    seconds: float
    objective: float | None = None
    gradient_norm: float | None = None
    gap: float | None = None
    rate: float | None = None
    holdout_loss: float | None = None
    tol: float | None = None
    limit: int | None = None
    theta: np.ndarray | None = field(default=None, repr=False)
    state: Any = field(default=None, repr=False)
    outcome: str | None = None
    rows: int | None = None
    share: float | None = None
    auc: float | None = None
    baseline: float | None = None

    @property
    def relative_gap(self) -> float | None:
        """gap / P, or None where there is no bound."""
        if self.gap is None or self.objective is None:
            return None
        return relative(self.gap, self.objective)


Observer = Callable[[Event], None]


def relative(gap: float, objective: float) -> float:
    """A gap as a share of the objective; 0 for a gap of 0, infinite where the objective is 0 but the gap is not."""
    if gap == 0.0:
        return 0.0
    return gap / objective if objective > 0.0 else float("inf")
