@slow
Feature: Files of products as shops have them
  People who come with a shop of their own have its files. They are read as they are, and nothing
  in them is guessed.

  Rule: A price is read in the notation of its currency, or refused

    Example: Euros with a comma, and an amount that can be read in two ways
      When this file is imported, with prices in EUR
        | sku       | name       | price    |
        | LAMP-0001 | Desk lamp  | 1.234,50 |
        | LAMP-0002 | Floor lamp | 1,234    |
      Then 1 product is registered and 1 row is refused
      And the product "LAMP-0001" costs 1234.50 EUR
      And a row is refused because its price is 1.234 EUR or 1234 EUR

  Rule: A product that is registered differently changes only if that is asked for

    Background:
      Given the product "LAMP-0001" is registered as "Desk lamp" at 19.99 EUR

    Example: It is refused, with what differs
      When this file is imported, with prices in EUR
        | sku       | name       | price |
        | LAMP-0001 | Floor lamp | 19.99 |
      Then 0 products are registered and 1 row is refused
      And a row is refused because it differs in its name
      And the product "LAMP-0001" is listed as "Desk lamp"

    Example: It is renamed and repriced
      When this file is imported as an update, with prices in EUR
        | sku       | name       | price |
        | LAMP-0001 | Floor lamp | 24.00 |
      Then 1 product is updated
      And the product "LAMP-0001" is listed as "Floor lamp"
      And the product "LAMP-0001" costs 24.00 EUR

    Example: What a row leaves empty stays
      When this file is imported as an update, with prices in EUR
        | sku       | name       | price |
        | LAMP-0001 | Floor lamp |       |
      Then 1 product is updated
      And the product "LAMP-0001" costs 19.99 EUR

  Rule: A dry run tells what would be, and keeps nothing

    Example: One lamp would be registered
      When this file is imported as a dry run, with prices in EUR
        | sku       | name      | price |
        | LAMP-0001 | Desk lamp | 5     |
        | LAMP-0002 |           | 5     |
      Then 1 product would be registered and 1 row is refused
      And the product "LAMP-0001" is not listed

  Rule: A variant of another shop is a product of its own

    Example: A pot in two sizes, with a picture, and a draft
      When this file of Shopify is imported, with prices in EUR
        | Handle | Title    | Option1 Name | Option1 Value | Variant SKU | Variant Price | Status |
        | pot    | Clay pot | Size         | Small         | POT-S       | 9.99          | active |
        | pot    |          |              | Large         | POT-L       | 15.99         |        |
        | pot    |          |              |               |             |               |        |
        | sofa   | Sofa     | Title        | Default Title | SOFA-1      | 500.00        | draft  |
      Then 2 products are registered, and 2 rows are left out
      And the product "POT-S" is listed as "Clay pot - Small"
      And the product "POT-L" costs 15.99 EUR
      And the product "SOFA-1" is not listed

  Rule: What is exported can be imported again

    Example: A name that has changed meanwhile is as it was exported
      Given the product "LAMP-0001" is registered as "=Desk, 'lamp'" at 19.99 EUR
      And the products have been exported
      When the product "LAMP-0001" is renamed to "Floor lamp"
      And the exported file is imported as an update
      Then the product "LAMP-0001" is listed as "=Desk, 'lamp'"
