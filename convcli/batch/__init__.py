"""
Many images, from words of a command line to files: nothing lost, nothing surprising.

    words --inputs--> Input --targets--> Task --running--> Item

Every target is known, and refused if need be, before any work begins.
"""
