"""The steps that a product can be adjudicated by, one file each: its terms, its function, its words.

A new step is one more file, and its terms in the one list here.
"""

from typing import Annotated

from pydantic import Field

from services.settlement.steps.annual_deductible import AnnualDeductible
from services.settlement.steps.annual_limit import AnnualLimit
from services.settlement.steps.approval import Approval
from services.settlement.steps.currency import OfferedCurrencies
from services.settlement.steps.drug_list import DrugList
from services.settlement.steps.in_force import InForce
from services.settlement.steps.pay import Pay
from services.settlement.steps.percentage import Percentage
from services.settlement.steps.service import CoveredServices
from services.settlement.steps.session_limit import SessionLimit
from services.settlement.steps.sessions import Sessions
from services.settlement.steps.visit_deductible import VisitDeductible
from services.settlement.steps.waiting_period import WaitingPeriod

__all__ = ["AnyStep"]

AnyStep = Annotated[
    CoveredServices
    | OfferedCurrencies
    | InForce
    | WaitingPeriod
    | DrugList
    | Approval
    | VisitDeductible
    | AnnualDeductible
    | Percentage
    | SessionLimit
    | Sessions
    | AnnualLimit
    | Pay,
    Field(discriminator="step"),
]
"""Any step, told by what `step` says in the product file."""
