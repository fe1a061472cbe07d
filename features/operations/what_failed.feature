Feature: What failed

  A change that cannot be applied is kept as a dead letter, for an operator to decide. It says why it failed, and what
  waits behind it. Everything else goes on.

  Background:
    Given the product "LAMP-0001" is registered as "Desk lamp"
    And the product "LAMP-0002" is registered as "Floor lamp"
    And a faulty program has renamed product "LAMP-0001" without its status

  Rule: A dead letter says what is wrong, and what waits behind it

    Example: A field is missing, and two more changes have come since
      When the product "LAMP-0001" is renamed to "Table lamp"
      And the product "LAMP-0001" is described as "It is warm."
      Then the operator sees a dead letter of "LAMP-0001", because of its "status"
      And 2 changes of "LAMP-0001" wait behind it

  Rule: Only what depends on it waits

    Example: A later change of the same product waits
      When the product "LAMP-0001" is renamed to "Table lamp"
      Then the product "LAMP-0001" is listed as "Desk lamp"

    Example: Another product changes
      When the product "LAMP-0002" is renamed to "Ceiling lamp"
      Then the product "LAMP-0002" is listed as "Ceiling lamp"
      And no change of "LAMP-0002" failed

  Rule: What an operator discards stays discarded, and what waited is applied

    Example: A change that was never meant
      When the product "LAMP-0001" is renamed to "Table lamp"
      And Ada discards the dead letter of "LAMP-0001" because "it was never meant"
      Then the product "LAMP-0001" is listed as "Table lamp"
      And no change of "LAMP-0001" failed

    Example: The listing is rebuilt later
      When the product "LAMP-0001" is renamed to "Table lamp"
      And Ada discards the dead letter of "LAMP-0001" because "it was never meant"
      And the listing is rebuilt
      Then the product "LAMP-0001" is listed as "Table lamp"
      And no change of "LAMP-0001" failed
