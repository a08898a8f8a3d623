"""The car maker's telematics backend: brings contracts to cars over the air, without any charger."""
