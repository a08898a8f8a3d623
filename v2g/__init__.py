"""What EV and charger share: messages, framing, timers, signatures; and, under ``v2g.net``, the network."""
