"""The same network from stock Linux parts: what both variants are measured against."""

from __future__ import annotations

from topology.bench.stock.network import StockError, StockNetwork, stock_network

__all__ = ["StockError", "StockNetwork", "stock_network"]
