"""The UCI Online Retail log: invoices of a gift shop, one CSV line per invoice and item.

A purchase becomes a ``save`` of the item's pin, and the pin is put on a board (the invoice, which has no name). The
item's title becomes the pin's title and its only annotation, with runs of white space collapsed. The customer becomes a
user with a country.

An item may have several titles over time, and a customer several countries. Each is a version from the time of its
invoice on, so days before see the earlier one, in whatever order the files come. Of several titles at one time the
longest is used (the first in alphabetical order among equally long ones), and the first country in alphabetical order.
Stock codes differ in case only by mistake, so they are converted to upper case.

Skipped and counted by reason: cancellations, stock corrections, lines that are not products (postage, fees, manual
entries), sales without a customer, and items without a price. The purchase that a cancellation refers to is kept,
because it showed interest.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from journeys_assets.domain.landing.contract import REFUSED_SCHEMA, check_rows, refused_frame
from journeys_assets.importers.base import Converted, Importer, LogFormat, Sample

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
SOURCES = ("pin_engagements", "board_pins", "pins", "users")

_PRODUCT = r"^(?:\d{5}|DCGS)"
_TEXT = {name: pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars().replace("", None) for name in COLUMNS}
_INVOICE = pl.col("InvoiceNo").str.to_uppercase()
_QUANTITY = pl.col("Quantity").cast(pl.Float64, strict=False)
_PRICE = pl.col("UnitPrice").cast(pl.Float64, strict=False)

_REFUSALS = {
    "InvoiceNo": (pl.col("InvoiceNo").is_null(), "is missing"),
    "StockCode": (pl.col("StockCode").is_null(), "is missing"),
    "Quantity": (~_QUANTITY.is_finite().fill_null(False), "is not a number"),
    "UnitPrice": (~_PRICE.is_finite().fill_null(False), "is not a number"),
    "CustomerID": (~pl.col("CustomerID").str.contains(r"^\d+(?:\.0*)?$"), "is not a customer number"),
}
_SKIPS = {
    "cancellation": _INVOICE.str.starts_with("C"),
    "stock correction (quantity not above 0)": _QUANTITY <= 0,
    "not a product (postage, fee, manual entry)": ~pl.col("StockCode").str.to_uppercase().str.contains(_PRODUCT),
    "no customer": pl.col("CustomerID").is_null(),
    "no price (gift, sample or stock note)": _PRICE <= 0,
}


def convert(raw: pl.DataFrame, now: datetime) -> Converted:
    """Landing rows of the four sources. Each raw row becomes a save, is refused, or is skipped for one reason."""
    rows = raw.with_columns(_TEXT.values())
    reason = pl.concat_str(
        [
            pl.when(mask.fill_null(False)).then(
                pl.format(f"{name} {problem}: '{{}}'", pl.col(name).fill_null("").str.head(80))
            )
            for name, (mask, problem) in _REFUSALS.items()
        ],
        separator="; ",
        ignore_nulls=True,
    )
    skip = pl.coalesce(*(pl.when(mask).then(pl.lit(name)) for name, mask in _SKIPS.items()))
    rows = rows.with_columns(reason=reason.replace("", None)).with_columns(
        skip=pl.when(pl.col("reason").is_null()).then(skip)
    )
    broken = rows.filter(pl.col("reason").is_not_null())
    refused = (
        refused_frame(
            broken["line"].to_list(),
            broken["reason"].to_list(),
            broken.select(COLUMNS).map_rows(_as_line)["map"].to_list(),
        )
        if broken.height
        else REFUSED_SCHEMA.to_frame()
    )
    skipped = rows["skip"].drop_nulls().value_counts()
    purchases = rows.filter(pl.col("reason").is_null(), pl.col("skip").is_null()).select(
        "line",
        user_id=pl.col("CustomerID").str.replace(r"\.0*$", ""),
        pin_id=pl.col("StockCode").str.to_uppercase(),
        action=pl.lit("save"),
        engaged_at="InvoiceDate",
        board_id="InvoiceNo",
        title="Description",
        country=pl.col("Country").replace("Unspecified", None),
    )
    good, late = check_rows("pin_engagements", purchases, now=now)
    converted = Converted(
        {"pin_engagements": good},
        {"pin_engagements": pl.concat([refused, late]).sort("line")},
        dict(skipped.rows()),
    )
    times = good.select("line", saved_at="engaged_at", updated_at="engaged_at")
    accepted = purchases.join(times, on="line", maintain_order="left")
    for source, derived in _derived(accepted).items():
        converted.good[source], converted.refused[source] = check_rows(source, derived, now=now)
    return converted


def _derived(purchases: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of boards, pins and users from purchases, each with the line of the purchase that it comes from."""
    titled = purchases.filter(pl.col("title").is_not_null()).sort(
        pl.col("title").str.len_chars(), "title", "line", descending=[True, False, False]
    )
    boards = purchases.sort("line").unique(
        ["user_id", "board_id", "pin_id", "saved_at"], keep="first", maintain_order=True
    )
    return {
        "board_pins": boards.select("line", "user_id", "board_id", "pin_id", "saved_at"),
        "pins": _versions(titled, "pin_id", "title").select(
            "line", "pin_id", "title", "updated_at", annotations=pl.concat_list("title")
        ),
        "users": _versions(purchases.sort("country", "line", nulls_last=True), "user_id", "country").select(
            "line", "user_id", "country", "updated_at"
        ),
    }


def _versions(rows: pl.DataFrame, key: str, value: str) -> pl.DataFrame:
    """The rows at which ``value`` of a ``key`` begins or changes; of rows at one time the first counts."""
    ordered = rows.unique([key, "updated_at"], keep="first", maintain_order=True).sort(key, "updated_at")
    is_same = pl.col(value).eq_missing(pl.col(value).shift(1)) & (pl.col(key) == pl.col(key).shift(1))
    return ordered.filter(~is_same.fill_null(False)).sort("line")


def _as_line(row: tuple[str | None, ...]) -> str:
    return ",".join(value or "" for value in row)


ONLINE_RETAIL = Importer(
    name="online-retail",
    columns=COLUMNS,
    main_source="pin_engagements",
    sources=SOURCES,
    convert=convert,
)


def _recognise(sample: Sample) -> str | None:
    return f"the columns {', '.join(COLUMNS)}" if sample.has(*COLUMNS) else None


FORMAT = LogFormat(
    name=ONLINE_RETAIL.name,
    title="UCI Online Retail",
    recognise=_recognise,
    importer=lambda options, actions: ONLINE_RETAIL,
)
