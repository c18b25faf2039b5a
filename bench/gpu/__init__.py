"""How fast this card is at what the engines do, measured without any model: right shapes, random weights.

Needs torch alone, in an environment of its own; times are of plain torch, which real engines beat.
"""
