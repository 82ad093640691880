"""Seeing inside: what nodes say, what is on their segments, and why a packet was dropped."""
