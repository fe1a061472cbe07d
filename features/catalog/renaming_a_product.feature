Feature: Renaming a product
  A better name is found.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp"

  Rule: A renamed product is listed under its new name

    Example: The lamp turns out to be for reading
      When the product "LAMP-0001" is renamed to "Reading lamp"
      Then the product "LAMP-0001" is listed as "Reading lamp"

  Rule: The name it has already records nothing

    Example: The same name again
      When the product "LAMP-0001" is renamed to "Desk lamp"
      Then nothing is recorded of product "LAMP-0001"

  @quick
  Rule: What was decided on an older state is refused

    Example: Two people rename it at once
      Given Ann and Bob both look at product "LAMP-0001"
      When Ann renames product "LAMP-0001" to "Reading lamp"
      And Bob renames product "LAMP-0001" to "Night lamp"
      Then Bob is refused because the product has changed since he looked
      And the product "LAMP-0001" is listed as "Reading lamp"

  Rule: Only a registered product can be renamed

    Example: Nobody registered that chair
      When the product "CHAIR-0001" is renamed to "Chair"
      Then that is refused because there is no product "CHAIR-0001"
