"""Hands over journeys and planned sends to other systems, and keeps the ledger of it."""
