@slow
Feature: Imports that do not get on
  Somebody looks after the shop. When an import has stopped and nobody works on it any more, it must not
  look as if it went on: it says what it waits for, and how to end that.

  Rule: An import that cannot get on by itself says so, and what to do

    Example: The work that was waiting has been deleted
      Given the workers pause
      And a file of products waits
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      When the operator deletes what waits for the workers
      And the workers go on
      Then the import is stuck, because its messages were deleted
      And the import says how to cancel it

  Rule: A stuck import ends when it is cancelled, and its file can be sent again

    Example: The operator cancels it, and the supplier's file is sent again
      Given the workers pause
      And a file of products waits
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      And the operator has deleted what waits for the workers
      When the import is cancelled
      And the workers go on
      And a file of products is sent
        | sku       | name      |
        | LAMP-0001 | Desk lamp |
      Then the import registers 1 product, skips 0 and refuses 0
      And the product "LAMP-0001" is listed as "Desk lamp"
