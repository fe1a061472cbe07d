Feature: Repricing a product
  A price is an amount in a currency that is in use.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp" at 19.99 EUR

  Rule: A product costs its latest price

    Example: It is on offer
      When the product "LAMP-0001" is repriced to 14.50 EUR
      Then the product "LAMP-0001" costs 14.50 EUR

    Example: It is sold in another currency
      When the product "LAMP-0001" is repriced to 21.00 USD
      Then the product "LAMP-0001" costs 21.00 USD

  Rule: The price it has already records nothing

    Example: The same price again
      When the product "LAMP-0001" is repriced to 19.99 EUR
      Then nothing is recorded of product "LAMP-0001"

  Rule: A currency must be in use

    Example: A currency that never was
      When the product "LAMP-0001" is repriced to 14.50 ABC
      Then that is refused because the currency is not in use
      And the product "LAMP-0001" costs 19.99 EUR

  Rule: A price is never negative

    Example: Nobody is paid for taking a lamp
      When the product "LAMP-0001" is repriced to -0.01 EUR
      Then that is refused because a price is never negative
      And the product "LAMP-0001" costs 19.99 EUR

    Example: It is given away
      When the product "LAMP-0001" is repriced to 0.00 EUR
      Then the product "LAMP-0001" costs 0.00 EUR
