"""GDB commands for programs that share one address space (tproc).

registry, space and lease know nothing of GDB: they read what a space publishes and speak with its
server.  Everything else runs within GDB; load.py is where it starts.
"""
