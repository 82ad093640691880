"""What the engine costs, and (with a lab) what the variants do."""
