"""The semantic diff: two topologies compared by what they are and do, not by how they are written.

Pure: sides are read elsewhere (`topology.sides`), shown elsewhere (`topology.render.diff`).
"""
