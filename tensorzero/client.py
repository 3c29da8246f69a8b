"""The clients' import path: `from tensorzero.client import TensorZeroGateway`."""

from __future__ import annotations

from tensorzero.clients.async_gateway import AsyncTensorZeroGateway
from tensorzero.clients.construction import BaseTensorZeroGateway
from tensorzero.clients.sync_gateway import TensorZeroGateway

__all__ = ["AsyncTensorZeroGateway", "BaseTensorZeroGateway", "TensorZeroGateway"]
