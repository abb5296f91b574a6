"""The model providers, one module each. The value `PROVIDER` in it is all there is to say of one."""
