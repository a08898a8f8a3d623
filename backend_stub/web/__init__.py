"""What all HTTP doors of the market share: error shape, limits, trace ids, field types, the app factory."""
