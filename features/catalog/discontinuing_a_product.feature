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

  Rule: What is left of a discontinued product may still be sold

    Example: One of the last lamps
      Given the product "LAMP-0001" has been discontinued
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then order "A" holds 1 piece of stock item "LAMP-0001"

    Example: There are no more
      Given the product "LAMP-0001" has been discontinued
      When order "A" reserves 6 pieces of stock item "LAMP-0001"
      Then that is refused because 6 pieces were asked for and 5 are available

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
