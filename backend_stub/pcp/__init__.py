"""The provisioning certificate pool: which certificate each car has from its maker."""
