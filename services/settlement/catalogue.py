"""The products that ship with Careloop: one TOML file each, under `products/`."""

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from pydantic import ValidationError

from services.settlement.product import Catalogue, Product


class ProductRefusedError(ValueError):
    """A product file that is incomplete or contradicts itself; says the file, and each place."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))


@lru_cache(maxsize=1)
def shipped_catalogue() -> Catalogue:
    """Return the shipped products by name, read once.

    Raises:
        ProductRefusedError: a product file is no product.
    """
    folder = resources.files("services.settlement") / "products"
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    products = [read_product(file.read_text("utf-8"), file.name) for file in files]
    return MappingProxyType({product.name: product for product in products})


def read_product(text: str, file: str) -> Product:
    """Return the product that a TOML text states; file: what to call the text in an error.

    Raises:
        ProductRefusedError: it is no TOML, or no product. Every problem is listed with its place,
            such as `versions.0.steps.4.percentage.percent`, counted from 0.
    """
    try:
        # TOML has arrays where the model has tuples, so only this reader is not strict.
        return Product.model_validate(tomllib.loads(text), strict=False)
    except tomllib.TOMLDecodeError as error:
        raise ProductRefusedError(file, [str(error)]) from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'as a whole'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise ProductRefusedError(file, problems) from error
