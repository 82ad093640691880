"""What would run: a resolved topology and a variant turned into a deployment, as data."""

from __future__ import annotations

from topology.plan.build import plan, plan_as
from topology.plan.capacity import capacity
from topology.plan.errors import PlanError, Problem
from topology.plan.roles import image_roles

__all__ = ["PlanError", "Problem", "capacity", "image_roles", "plan", "plan_as"]
