"""What the car's sessions of ISO 15118-2 and DIN 70121 have in common: schedules, power on and off, DC charging."""
