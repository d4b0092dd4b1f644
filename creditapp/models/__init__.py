"""The schema, one noun per file."""

from creditapp.models.audit import AuditDetails, AuditHead, AuditRow
from creditapp.models.credit import (
    ADJUSTMENTS,
    LOUD_ADJUSTMENTS,
    CreditAccount,
    CreditClass,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditKind,
    CreditLot,
    Effect,
    Kind,
)
from creditapp.models.customer import Customer, CustomerStatus
from creditapp.models.log_in import FormDraft, LogIn, LogInKind, LogInSession
from creditapp.models.parents import Batch, Incident, Invoice, Payment, PromoCode, Subscription
from creditapp.models.reason import Direction, Reason
from creditapp.models.request_key import RateWindow, RequestKey
from creditapp.models.rollup import TOTAL_SHARDS, CreditDay, CreditTotal
from creditapp.models.setting import Setting
from creditapp.models.staff import Role, RoleRules, Staff

__all__ = [
    "ADJUSTMENTS",
    "LOUD_ADJUSTMENTS",
    "TOTAL_SHARDS",
    "AuditDetails",
    "AuditHead",
    "AuditRow",
    "Batch",
    "CreditAccount",
    "CreditClass",
    "CreditDay",
    "CreditDraw",
    "CreditEntry",
    "CreditEntryText",
    "CreditKind",
    "CreditLot",
    "CreditTotal",
    "Customer",
    "CustomerStatus",
    "Direction",
    "Effect",
    "FormDraft",
    "Incident",
    "Invoice",
    "Kind",
    "LogIn",
    "LogInKind",
    "LogInSession",
    "Payment",
    "PromoCode",
    "RateWindow",
    "Reason",
    "RequestKey",
    "Role",
    "RoleRules",
    "Setting",
    "Staff",
    "Subscription",
]
