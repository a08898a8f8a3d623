"""The car maker: gives each car its PCID and provisioning certificate, and its V2G roots."""
