"""Webhooks: events as signed messages to addresses that an admin names."""

from webapp.services.webhooks.service import WebhookService

__all__ = ["WebhookService"]
