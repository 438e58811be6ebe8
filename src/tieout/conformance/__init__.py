"""Test kits for those who write connectors, formats and stores: inherit from them, and they collect on the promises."""
