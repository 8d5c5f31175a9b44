"""Stowage: the file store an organisation runs for itself.

Importing this package imports nothing else: plugins that only need
``webapp.contracts`` must not pay for Flask.
"""

__version__ = "0.1.0"
