"""A small fictional city: departments' systems with generated data, planted defects and contracts.

Never imported by the product.
"""
