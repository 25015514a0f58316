"""Settlement: who pays what of a bill, and why.

Consumes: requests to pay a visit or a rehabilitation session, at the counter or as a claim;
    reversals.
Decides: what each cover of the member pays, social insurance first, by the products and the
    accumulators of the day of service; the member bears the rest.
Emits: one decision on each request, and one reversal for each decision undone, on
    `payment-events`.
Remembers, per household: what is used up in each benefit year, and the latest decisions with
    what each of them consumed.
"""
