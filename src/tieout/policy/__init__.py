"""Policy: the company's rules as dated, versioned data, and the pure functions that read them."""
