"""Links for experiments: presets with their sources, a proxy that is one, HTTP over a simulated one."""
