"""The version of curate, which stands in every plan and manifest."""

__version__ = "0.1.0"
