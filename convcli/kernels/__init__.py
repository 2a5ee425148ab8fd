"""Kernels: weights as a person writes them, where they are kept, and how they are made."""
