"""XML signatures of messages, and the envelope that carries a contract key to the car."""
