Feature: Seeing what can be bought
  Shoppers see the product listing: what there is, what it costs, whether it can be had.

  Rule: The listing shows products in the order of their registration

    Example: A lamp, then a chair
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When the product "CHAIR-0001" is registered as "Chair"
      Then the listing shows "LAMP-0001, CHAIR-0001"

  Rule: Several products are looked up at once, those that are gone included

    Example: The things on a list of wishes
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the product "CHAIR-0001" is registered as "Chair"
      When the product "LAMP-0001" is discontinued
      Then looked up together, "CHAIR-0001, SOFA-0001, LAMP-0001" are "CHAIR-0001, LAMP-0001"

  Rule: A product without a piece to sell is out of stock

    Example: There was never one
      When the product "LAMP-0001" is registered as "Desk lamp" with 0 pieces
      Then the product "LAMP-0001" is shown as out of stock

    Example: The last one is held for an order
      Given the product "LAMP-0001" is registered as "Desk lamp" with 1 piece
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then the product "LAMP-0001" is shown as out of stock

  Rule: Shoppers are told when few are left

    Example: The reorder point is reached
      Given the product "LAMP-0001" is registered as "Desk lamp" with 5 pieces
      When the reorder point of stock item "LAMP-0001" is set to 5 pieces
      Then the product "LAMP-0001" is shown as low

  Rule: What comes in can be bought

    Example: A delivery
      Given the product "LAMP-0001" is registered as "Desk lamp" with 0 pieces
      When 3 pieces of stock item "LAMP-0001" are received
      Then the product "LAMP-0001" is shown as in stock

  Rule: The listing says when a product or its availability last changed

    Example: It has another name now
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And 30 minutes have passed
      When the product "LAMP-0001" is renamed to "Reading lamp"
      Then the product "LAMP-0001" was last updated 0 minutes ago

    Example: The last one goes
      Given the product "LAMP-0001" is registered as "Desk lamp" with 1 piece
      And 30 minutes have passed
      When order "A" reserves 1 piece of stock item "LAMP-0001"
      Then the product "LAMP-0001" was last updated 0 minutes ago

    Example: Nothing changes
      Given the product "LAMP-0001" is registered as "Desk lamp"
      When 30 minutes pass
      Then the product "LAMP-0001" was last updated 30 minutes ago

  Rule: A shopper finds products by a part of their name, in any case

    Example: Looking for lamps
      Given the product "LAMP-0001" is registered as "Desk lamp"
      And the product "CHAIR-0001" is registered as "Chair"
      When the product "LAMP-0002" is registered as "Lamp for reading"
      Then a shopper who looks for "lamp" finds "LAMP-0001, LAMP-0002"

  Rule: A shopper finds products by words in any order, with or without accents

    Example: A shopper without accents on the keyboard
      Given the product "TABLE-0001" is registered as "Café table"
      And the product "LAMP-0001" is registered as "İstanbul lamp"
      Then a shopper who looks for "table cafe" finds "TABLE-0001"
      And a shopper who looks for "ISTANBUL" finds "LAMP-0001"

  Rule: A shopper can be shown only what is in stock

    Example: There is no chair
      Given the product "LAMP-0001" is registered as "Desk lamp" with 5 pieces
      When the product "CHAIR-0001" is registered as "Chair" with 0 pieces
      Then of what is in stock the listing shows "LAMP-0001"
      And of what is out of stock the listing shows "CHAIR-0001"
