import attrs


@attrs.frozen
class HttpStockLevels:
    peer: object
