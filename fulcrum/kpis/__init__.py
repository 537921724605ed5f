"""How a process does, measured on its event log: cycle time, cost, manual work, predictability; now against before."""
