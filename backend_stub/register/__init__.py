"""Vehicle register: the stand-in for the national one."""
