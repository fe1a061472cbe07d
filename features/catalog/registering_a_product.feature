Feature: Registering a product
  Somebody decides to sell something. From then on it has a SKU, by which everybody
  knows it.

  Rule: A registered product is listed under its SKU

    Example: A lamp with a name and nothing more
      When the product "LAMP-0001" is registered as "Desk lamp"
      Then the product "LAMP-0001" is listed as "Desk lamp"
      And the product "LAMP-0001" has no price
      And the product "LAMP-0001" has no description

    Example: A lamp with a description
      When the product "LAMP-0001" is registered as "Lamp" with "Brass." to describe it
      Then the product "LAMP-0001" shows "Brass."

    Example: A lamp with a price
      When the product "LAMP-0001" is registered as "Desk lamp" at 19.99 EUR
      Then the product "LAMP-0001" costs 19.99 EUR

  @quick
  Rule: A SKU belongs to one product

    Example: Another lamp wants the same SKU
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When the product "LAMP-0001" is registered as "Floor lamp"
      Then that is refused because the SKU is taken by "Desk lamp"
      And the product "LAMP-0001" is listed as "Desk lamp"

    Example: The same lamp is sent twice
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When the product "LAMP-0001" is registered as "Desk lamp"
      Then that is refused because the SKU is taken by "Desk lamp"
      And nothing is recorded of product "LAMP-0001"

    Example: The lamp that had it is no longer sold
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the product "LAMP-0001" has been discontinued
      When the product "LAMP-0001" is registered as "Floor lamp"
      Then that is refused because the SKU is taken by "Desk lamp"

  Rule: The opening stock is passed on to inventory

    Example: Five lamps to begin with
      When the product "LAMP-0001" is registered as "Desk lamp" with 5 pieces
      Then the stock item "LAMP-0001" has 5 pieces on hand
      And the product "LAMP-0001" is shown as in stock

  Rule: A product has a name

    Example: Nothing but blanks
      When the product "LAMP-0001" is registered as "   "
      Then that is refused because a name has at least 1 character
      And the product "LAMP-0001" is not listed

    Example: Nothing that can be seen
      When the product "LAMP-0001" is registered as "​"
      Then that is refused because a name can be seen

    Example: Letters in an order that nobody wrote
      When the product "LAMP-0001" is registered as "‮gnp.txt"
      Then that is refused because a name can be seen

  Rule: A SKU is kept as others gave it

    Scenario Outline: Suppliers have SKUs of their own
      When the product "<sku>" is registered as "Desk lamp" with 2 pieces
      Then the product "<sku>" is listed as "Desk lamp"
      And the stock item "<sku>" has 2 pieces on hand

      Examples:
        | sku            |
        | 123456 Oaktree |
        | AB/12-X        |
        | ÄPFEL-1        |
        | (M)-5          |
        | #77            |
        | 灯-1           |

  Rule: SKUs that differ only in upper and lower case are the same

    Example: Somebody types the SKU in capitals
      Given the product "lamp-0001" is registered as "Desk lamp"
      When the product "LAMP-0001" is registered as "Floor lamp"
      Then that is refused because "lamp-0001" is the same SKU

    Example: Somebody looks for a product in capitals
      Given the product "lamp-0001" is registered as "Desk lamp"
      When the product "LAMP-0001" is renamed to "Floor lamp"
      Then that is refused because it is registered as "lamp-0001"

  Rule: A SKU has only what one can see

    Example: Two spaces where one is meant
      When the product "LAMP  0001" is registered as "Desk lamp"
      Then that is refused because a sku has single spaces only

    Example: Something between the letters that nobody sees
      When the product "LAMP​0001" is registered as "Desk lamp"
      Then that is refused because a sku has nothing invisible
