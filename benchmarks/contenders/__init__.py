"""The contenders, one module each, all driven through `protocol.Contender`."""
