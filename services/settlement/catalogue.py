"""The products that ship with Careloop: one TOML file each, under `products/`."""

import tomllib
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from services.settlement.product import Catalogue, Product


@lru_cache(maxsize=1)
def shipped_catalogue() -> Catalogue:
    """Return the shipped products by name, read once.

    Raises:
        pydantic.ValidationError: a product file that is incomplete or contradicts itself.
    """
    folder = resources.files("services.settlement") / "products"
    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")]
    products = [read_product(text) for text in texts]
    return MappingProxyType({product.name: product for product in products})


def read_product(text: str) -> Product:
    """Return the product that a TOML text states."""
    # TOML has arrays where the model has tuples, so only this reader is not strict.
    return Product.model_validate(tomllib.loads(text), strict=False)
