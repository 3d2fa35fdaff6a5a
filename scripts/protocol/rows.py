"""The rows of protocols/registry.cpp as text, for scripts/new-protocol and scripts/protocol-check."""
import re


class Row:
    def __init__(self, text):
        self.text = text
        self.name, self.title, self.folder = (re.search(rf'\.{key} = "([^"]+)"', text).group(1) for key in ("name", "title", "folder"))
        self.is_router = ".routes_over" in text
        self.is_variant = "/" in self.folder  # Of the machines of the folder around its own.


def rows(registry):
    """Every row of the table, in its order."""
    return [Row(block) for block in re.findall(r"\n    \{\n        \.name = .*?\n    \},(?=\n)", registry, re.S)]
