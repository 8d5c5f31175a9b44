"""The tables. Services read and write them with SQLAlchemy Core; see webapp/db for the door."""

from webapp.db import EventRow
from webapp.models.accounts import ApiToken, SignInFailure, User, UserSession
from webapp.models.background import Delivery, DeliveryAttempt, Lease, Subscriber, Task, Webhook, WorkerNode
from webapp.models.files import (
    DirectUpload,
    IdempotencyKey,
    PendingChecksum,
    PendingRemoval,
    StoredFile,
    Tally,
    Thumbnail,
)
from webapp.models.settings import Setting, SettingVersion, StoragePlace

__all__ = [
    "ApiToken",
    "Delivery",
    "DeliveryAttempt",
    "DirectUpload",
    "EventRow",
    "IdempotencyKey",
    "Lease",
    "PendingChecksum",
    "PendingRemoval",
    "Setting",
    "SettingVersion",
    "SignInFailure",
    "StoragePlace",
    "StoredFile",
    "Subscriber",
    "Tally",
    "Task",
    "Thumbnail",
    "User",
    "UserSession",
    "Webhook",
    "WorkerNode",
]
