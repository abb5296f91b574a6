"""The built-in tools, one module each. The value `TOOL` in it is all there is to say of the tool."""
