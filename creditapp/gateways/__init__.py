"""Gateways: where customers pay. Each is a module with one class; this is the door to what they have in common."""

from creditapp.gateways.protocol import (
    Asked,
    Gateway,
    GatewayError,
    Refunded,
    RefusedError,
    SignatureError,
    Started,
    Told,
    ToldKind,
)

__all__ = [
    "Asked",
    "Gateway",
    "GatewayError",
    "Refunded",
    "RefusedError",
    "SignatureError",
    "Started",
    "Told",
    "ToldKind",
]
