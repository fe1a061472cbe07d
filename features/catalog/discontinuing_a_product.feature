Feature: Discontinuing a product
  A product is no longer sold, perhaps only for a season.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp" with 5 pieces

  Rule: A discontinued product has no place in the listing

    Example: The lamp goes
      When the product "LAMP-0001" is discontinued
      Then the product "LAMP-0001" is not listed
      And the product "LAMP-0001" is shown as retired

  Rule: A discontinued product refuses everything but relisting

    Example: A new name for what is gone
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is renamed to "Reading lamp"
      Then that is refused because the product is discontinued

    Example: A new price for what is gone
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is repriced to 14.50 EUR
      Then that is refused because the product is discontinued

    Example: A description of what is gone
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is described as "Brass."
      Then that is refused because the product is discontinued

  Rule: No piece of a discontinued product is promised to anybody

    Example: An order comes too late
      Given the product "LAMP-0001" has been discontinued
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then that is refused because the stock item is retired

    Example: What was promised before still ships
      Given order "A" has reserved 2 pieces of stock item "LAMP-0001"
      And the product "LAMP-0001" has been discontinued
      When order "A" ships from stock item "LAMP-0001"
      Then the stock item "LAMP-0001" has 3 pieces on hand

    @quick
    Example: It is sold again
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is relisted
      And order "A" reserves 1 piece of stock item "LAMP-0001"
      Then order "A" holds 1 piece of stock item "LAMP-0001"

  Rule: A relisted product is as it was

    Example: The lamp comes back
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is relisted
      Then the product "LAMP-0001" is listed as "Desk lamp"
      And the product "LAMP-0001" is shown as in stock

  Rule: Discontinuing and relisting what is so already record nothing

    Example: It is discontinued twice
      Given the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is discontinued
      Then nothing is recorded of product "LAMP-0001"

    Example: It was never discontinued
      When the product "LAMP-0001" is relisted
      Then nothing is recorded of product "LAMP-0001"
