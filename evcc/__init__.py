"""The electric vehicle: finds a charger, installs a contract, authorises itself with it, and charges."""
