"""What a person sees of PnC Lab: the demo, the table, the report."""
