Feature: Describing a product
  Shoppers want to know more than a name.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp"

  Rule: A product shows its latest description

    Example: It is described for the first time
      When the product "LAMP-0001" is described as "Brass, with a green shade."
      Then the product "LAMP-0001" shows "Brass, with a green shade."

  Rule: A description can be taken away

    Example: It was wrong
      Given the product "LAMP-0001" has been described as "Silver."
      When the description of product "LAMP-0001" is taken away
      Then the product "LAMP-0001" has no description

  Rule: The description it has already records nothing

    Example: The same words again
      Given the product "LAMP-0001" has been described as "Brass."
      When the product "LAMP-0001" is described as "Brass."
      Then nothing is recorded of product "LAMP-0001"
